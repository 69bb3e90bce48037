"""The few dialogs: settings, certificate."""
