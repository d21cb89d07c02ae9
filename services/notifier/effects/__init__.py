"""Out to people: mails (`rendering.py`, `mail.py`) and the confirmation letter (`letter.py`, `typesetting.py`)."""
