"""THE words for machines: each status, each reason for it, each of AWS's error codes. Data only, without a database.

Pages, letters, the API and the list of what people did take their words from here, and from nowhere else:
`statuses` says where a machine stands, `reasons` why, `codes` what AWS has answered.
"""
