"""Faces: what the gateway says, said again in other people's words. Off unless [faces] names one.

A face is a mapper from what happened to messages: no socket, no thread, no file. What the rules and the store know is
on the gateway's own topics, complete and guaranteed; a face is a view of it.
"""
