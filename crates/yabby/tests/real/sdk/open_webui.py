"""Open WebUI, unmodified, with Yabby as its connection: `open_webui.py URL KEY`.

It is asked as its own page asks it: over HTTP, with a socket on which the page would hear how an answer grows.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

import aiohttp
import socketio

URL, KEY = sys.argv[1:]
MODEL, AGENT = "box/smollm2", "yabby/main"
# It goes on for 2,000 tokens, unless it is stopped.
LONG = "yabby/long"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def started(folder, port):
    env = {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "DATA_DIR": folder,
        "WEBUI_SECRET_KEY": uuid.uuid4().hex,
        # One person, who is not asked for a password.
        "WEBUI_AUTH": "False",
        "CORS_ALLOW_ORIGIN": f"http://127.0.0.1:{port}",
        "OPENAI_API_BASE_URL": f"{URL}/v1",
        "OPENAI_API_KEY": KEY,
        # Yabby is told which chat it is.
        "ENABLE_FORWARD_USER_INFO_HEADERS": "True",
        "ENABLE_OLLAMA_API": "False",
        # Nothing else is asked for anything.
        "OFFLINE_MODE": "True",
        "HF_HUB_OFFLINE": "1",
        "RAG_EMBEDDING_ENGINE": "openai",
        "BYPASS_EMBEDDING_AND_RETRIEVAL": "True",
        "DO_NOT_TRACK": "true",
        "SCARF_NO_ANALYTICS": "true",
        "ANONYMIZED_TELEMETRY": "false",
        "NO_PROXY": "127.0.0.1",
    }
    program = os.path.join(os.path.dirname(sys.executable), "open-webui")
    with open(os.path.join(folder, "log"), "wb") as log:
        return subprocess.Popen(
            [program, "serve", "--host", "127.0.0.1", "--port", str(port)],
            env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )


class Page:
    """A page in which a person chats."""

    def __init__(self, http, base, session):
        self.http, self.base, self.session = http, base, session

    async def call(self, method, path, body=None):
        async with self.http.request(method, self.base + path, json=body) as answer:
            text = await answer.text()
            assert answer.status == 200, (path, answer.status, text)
            return json.loads(text)

    async def models(self):
        return [model["id"] for model in (await self.call("GET", "/api/models"))["data"]]

    async def send(self, model, text, chat=None, parent=None, again=None, tasks=None):
        """Says something behind the message `parent`, or has the message `again` answered once more."""
        user, answer = again or str(uuid.uuid4()), str(uuid.uuid4())
        body = {
            "stream": True, "model": model, "params": {}, "session_id": self.session, "id": answer, "parent_id": parent,
            "user_message": {"id": user, "parentId": parent, "childrenIds": [answer], "role": "user", "content": text,
                             "timestamp": int(time.time()), "models": [model]},
            "background_tasks": tasks or {},
        }
        if chat:
            body["chat_id"] = chat
        said = await self.call("POST", "/api/chat/completions", body)
        return said["chat_id"], user, answer, said

    async def message(self, chat, answer):
        found = await self.call("GET", f"/api/v1/chats/{chat}")
        return found["chat"]["history"]["messages"].get(answer, {})

    async def answered(self, chat, answer):
        return await until(lambda: self.message(chat, answer), lambda message: message.get("done"), f"an answer in {chat}")

    async def ask(self, *args, **kwargs):
        chat, user, answer, _ = await self.send(*args, **kwargs)
        return chat, user, answer, await self.answered(chat, answer)


async def until(look, holds, what):
    begin, seen = time.monotonic(), None
    while time.monotonic() - begin < 180:
        seen = await look()
        if holds(seen):
            return seen
        await asyncio.sleep(0.2)
    raise AssertionError(f"{what} did not come: {seen}")


class Yabby:
    """What Yabby has of it."""

    def __init__(self, http):
        self.http = http

    async def get(self, path):
        async with self.http.get(URL + path, headers={"authorization": f"Bearer {KEY}"}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def conversations(self):
        return (await self.get("/api/conversations"))["conversations"]

    async def said(self, key):
        entries = (await self.get(f"/api/conversations/{key.replace(':', '%3A')}/entries"))["entries"]
        spoken = (entry for entry in entries if entry["kind"] in ("user", "assistant"))
        return [(entry["kind"], entry["text"].strip()) for entry in spoken]


async def check(page, yabby):
    models = await page.models()
    assert MODEL in models and AGENT in models and "route/default" in models, models

    # A model: it streams, and what it is offered does no harm.
    chat, _, _, message = await page.ask(MODEL, "Say hello.")
    assert message["content"] and "error" not in message, message
    assert await yabby.conversations() == []

    # The agent: one conversation for a chat, whatever the page asks for on its own.
    chat, _, first, message = await page.ask(AGENT, "Say hello.", tasks={"title_generation": True})
    assert message["content"] and "error" not in message, message
    one = message["content"].strip()
    key = f"agent:main:openwebui:{chat}"
    title = lambda: page.call("GET", f"/api/v1/chats/{chat}")
    await until(title, lambda found: found["title"] not in ("", "New Chat"), "a title")
    _, user, _, message = await page.ask(AGENT, "And once more.", chat=chat, parent=first)
    two = message["content"].strip()
    before = [("user", "Say hello."), ("assistant", one), ("user", "And once more.")]
    said = await yabby.said(key)
    assert said == [*before, ("assistant", two)], (said, two)
    # Answered again, it is said once.
    _, _, _, message = await page.ask(AGENT, "And once more.", chat=chat, parent=first, again=user)
    said = await yabby.said(key)
    assert said == [*before, ("assistant", message["content"].strip())], (said, message)
    assert [found["key"] for found in await yabby.conversations()] == [key]

    # Stopped in the middle, nothing runs any more.
    chat, _, answer, said = await page.send(LONG, "Tell me a story.")
    key = f"agent:long:openwebui:{chat}"
    await until(yabby.conversations, lambda found: any(one["key"] == key and one["running"] for one in found), "a turn")
    await asyncio.sleep(1)
    for task in said["task_ids"]:
        await page.call("POST", f"/api/tasks/stop/{task}")
    await until(yabby.conversations, lambda found: not any(one["running"] for one in found), "the end")
    story = "".join(text for kind, text in await yabby.said(key) if kind == "assistant")
    assert len(story) < 4000, story

    # What is wrong is said.
    *_, message = await page.ask(AGENT, "/think harder")
    assert "takes: off, minimal" in json.dumps(message), message


async def main():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        base, program = f"http://127.0.0.1:{port}", started(folder, port)
        try:
            async with aiohttp.ClientSession() as http:
                async def healthy():
                    assert program.poll() is None, open(os.path.join(folder, "log")).read()
                    try:
                        async with http.get(f"{base}/health") as answer:
                            return answer.status == 200
                    except aiohttp.ClientError:
                        return False
                await until(healthy, bool, "Open WebUI")
                async with http.post(f"{base}/api/v1/auths/signin", json={"email": "", "password": ""}) as answer:
                    token = (await answer.json())["token"]
            sio = socketio.AsyncClient()
            await sio.connect(base, socketio_path="/ws/socket.io", auth={"token": token}, transports=["websocket"])
            try:
                async with aiohttp.ClientSession(headers={"authorization": f"Bearer {token}"}) as http:
                    async with aiohttp.ClientSession() as other:
                        await check(Page(http, base, sio.get_sid()), Yabby(other))
            except BaseException:
                print(open(os.path.join(folder, "log")).read()[-4000:])
                raise
            finally:
                await sio.disconnect()
        finally:
            program.send_signal(signal.SIGTERM)
            try:
                program.wait(20)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
    print("all is well")


asyncio.run(main())
