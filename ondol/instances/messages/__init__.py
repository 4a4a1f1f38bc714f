"""THE words for machines: each status, each reason for it, each of AWS's error codes. Data only, without a database.

Pages, e-mails, the API and the activity list take their words from here, and from nowhere else: `statuses` has those
for the state of a machine, `reasons` why it is so, `codes` what AWS has answered.
"""
