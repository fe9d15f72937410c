"""What changes a device: permitted, armed and confirmed, limited, looked at afterwards, written down."""
