"""Pictures for people: contact sheets of clips, text in any script, and labelled videos."""
