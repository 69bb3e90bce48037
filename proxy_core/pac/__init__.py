"""PAC files: `helpers` and `script` evaluate them, `source` fetches them, both in a process of their own
(`pac_process`) that `service`, in the engine, asks for the workers and kills when it must.
"""
