"""PAC files: `helpers` and `script` evaluate them, `source` fetches them, in processes of their own (`pac_process`).
`service`, in the engine, takes the workers' questions; a `pac_file` has what is known of one file and its `evaluator`s.
"""
