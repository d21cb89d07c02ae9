"""Working time of the province: which days and hours count, when a limit ends, and why. Pure.

calendar.py       WorkingCalendar: working days, `due()`, the calendar as known on a day, amendments
deadlines.py      Limit (`5wd`, `3wh`) and Deadline
days.py           days off, skipped days, amendments as data, errors, local dates
amendments.py     how days off change by a decree
hours.py          office hours and seasons (Ramadan)
office_times.py   openings; when mails, warnings and escalations may go
explanation.py    all of it in Indonesian
calendar_files.py reads `calendars/<year>.toml` and `calendars/hours.toml`
cli.py            `datacloud due`
seed.py           drafts and compares the calendar files (development only)
"""
