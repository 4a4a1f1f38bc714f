"""This installation: its AWS account, whether AWS answers, what has drifted, and who is notified."""
