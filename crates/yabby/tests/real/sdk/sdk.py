"""The official SDKs for Python against a gateway: sdk.py URL KEY."""

import sys

import anthropic
import openai
from langchain_openai import ChatOpenAI

url, key = sys.argv[1:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=120)
claude = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=120)
hello = [{"role": "user", "content": "Say hello."}]

names = [model.id for model in client.models.list()]
assert "yabby/main" in names and "box/smollm2" in names, names

for model in ("yabby", "box/smollm2"):
    answer = client.chat.completions.create(model=model, messages=hello)
    assert answer.choices[0].message.content and answer.usage.total_tokens > 0, (model, answer)
    text, usage = "", None
    stream = client.chat.completions.create(
        model=model, messages=hello, stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        usage = chunk.usage or usage
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    assert text and usage.completion_tokens > 0, (model, text, usage)
    print(model, "is answered in Chat Completions")
    if model != "yabby":
        continue  # It speaks no other API, and nothing is translated yet.

    answer = client.responses.create(model=model, input="Say hello.")
    assert answer.output_text, (model, answer)
    with client.responses.stream(model=model, input="Say hello.") as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text, model
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed", (model, kinds)

    answer = claude.messages.create(model=model, max_tokens=24, messages=hello)
    assert answer.content[0].text and answer.usage.output_tokens > 0, (model, answer)
    with claude.messages.stream(model=model, max_tokens=24, messages=hello) as stream:
        text = "".join(stream.text_stream)
        assert text and stream.get_final_message().stop_reason, model
    print(model, "is answered in Responses and Messages")

first = client.responses.create(model="yabby", input="My name is Momo.")
second = client.responses.create(model="yabby", input="What is my name?", previous_response_id=first.id)
assert second.output_text and second.id != first.id

answer = ChatOpenAI(model="yabby", base_url=f"{url}/v1", api_key=key).invoke("Say hello.")
assert answer.content, answer
print("LangChain is answered")

for wrong in ("nobody/nothing", "yabby/nobody"):
    try:
        client.chat.completions.create(model=wrong, messages=hello)
        raise SystemExit(f"{wrong} was answered")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found", error
    try:
        claude.messages.create(model=wrong, max_tokens=9, messages=hello)
        raise SystemExit(f"{wrong} was answered")
    except anthropic.NotFoundError as error:
        assert error.body["error"]["type"] == "not_found_error", error
for stranger in (
    openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0),
    anthropic.Anthropic(base_url=url, api_key="wrong", max_retries=0),
):
    try:
        stranger.models.list()
        raise SystemExit("a stranger was answered")
    except (openai.AuthenticationError, anthropic.AuthenticationError):
        pass
print("all is well")
