"""Exporters: the registry EXPORTERS looks here."""
