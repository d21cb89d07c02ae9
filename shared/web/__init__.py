"""What every page and API shares: strict reading, problems, sign-in, limits, health, metrics.

Read in this order: application, problems, fields, json_body, multipart, letters, sign_in.
"""
