"""The official SDKs for Python against a gateway: sdk.py URL KEY."""

import sys
import time

import anthropic
import openai
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

url, key = sys.argv[1:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=120)
claude = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=120)
hello = [{"role": "user", "content": "Say hello."}]


def strict(answer):
    """All that the SDK's types say must be there is there; by itself, it does not look."""
    type(answer).model_validate(answer.to_dict(mode="json"))
    return answer


names = [model.id for model in client.models.list()]
assert "yabby/main" in names and "box/smollm2" in names, names

for model in ("yabby", "box/smollm2"):
    # What passes has the client's settings alone, and a tiny model would go on for long.
    calm = {} if model == "yabby" else {"temperature": 0}
    answer = client.chat.completions.create(model=model, messages=hello, **calm)
    assert answer.choices[0].message.content and answer.usage.total_tokens > 0, (model, answer)
    text, usage = "", None
    stream = client.chat.completions.create(
        model=model, messages=hello, stream=True, stream_options={"include_usage": True}, **calm
    )
    for chunk in stream:
        usage = chunk.usage or usage
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    assert text and usage.completion_tokens > 0, (model, text, usage)
    print(model, "is answered in Chat Completions")

    answer = strict(client.responses.create(model=model, input="Say hello.", **calm))
    assert answer.output_text, (model, answer)
    with client.responses.stream(model=model, input="Say hello.", **calm) as stream:
        events = list(stream)
    assert events[0].type == "response.created", (model, events[0])
    # The assistant's answer has a limit, which this model reaches.
    assert events[-1].type in ("response.completed", "response.incomplete"), (model, events[-1])
    assert events[-1].response.output_text, (model, events[-1])

    answer = strict(claude.messages.create(model=model, max_tokens=24, messages=hello))
    assert answer.content[0].text and answer.usage.output_tokens > 0, (model, answer)
    with claude.messages.stream(model=model, max_tokens=24, messages=hello) as stream:
        text = "".join(stream.text_stream)
        assert text and stream.get_final_message().stop_reason, model
    print(model, "is answered in Responses and Messages")

# A model that is asked in Chat Completions, by clients of other APIs: with tools, and with what cannot be done.
tool = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
model = "box/smollm2"
answer = client.responses.create(
    model=model,
    input="What is the weather in Rome?",
    tools=[{"type": "function", "name": "weather", "description": "Of a city", "parameters": tool, "strict": False}],
    tool_choice="required",
    temperature=0,
)
calls = [item for item in answer.output if item.type == "function_call"]
assert calls and calls[0].name == "weather" and calls[0].call_id, answer
answer = claude.messages.create(
    model=model,
    max_tokens=200,
    messages=[{"role": "user", "content": "What is the weather in Rome?"}],
    tools=[{"name": "weather", "description": "Of a city", "input_schema": tool}],
    tool_choice={"type": "any"},
)
uses = [block for block in answer.content if block.type == "tool_use"]
assert uses and uses[0].name == "weather" and answer.stop_reason == "tool_use", answer
answer = claude.messages.create(
    model=model,
    max_tokens=24,
    messages=[
        {"role": "user", "content": "What is the weather in Rome?"},
        {"role": "assistant", "content": [block.model_dump() for block in uses[:1]]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": uses[0].id, "content": "18 degrees"}]},
    ],
    tools=[{"name": "weather", "description": "Of a city", "input_schema": tool}],
)
assert answer.content, answer
for kept in ({"previous_response_id": "resp_1"}, {"input": [{"type": "item_reference", "id": "msg_1"}]}):
    try:
        client.responses.create(model=model, **{"input": "Hi", **kept})
        raise SystemExit(f"{kept} was answered")
    except openai.BadRequestError as error:
        assert error.param in ("previous_response_id", "input[0].id"), error
print(model, "is asked for calls in Responses and Messages")

first = strict(client.responses.create(model="yabby", input="My name is Momo."))
second = client.responses.create(model="yabby", input="What is my name?", previous_response_id=first.id)
assert second.output_text and second.id != first.id

counted = strict(client.responses.input_tokens.count(model="yabby", input="What is my name?"))
assert counted.input_tokens > 0 and counted.object == "response.input_tokens", counted
assert strict(claude.messages.count_tokens(model="box/smollm2", messages=hello)).input_tokens > 0
assert strict(client.responses.retrieve(second.id)).output_text == second.output_text
assert strict(client.responses.input_items.list(second.id)).data[0].content[0].text == "What is my name?"
with client.responses.create(model="yabby", input="Count to a thousand.", stream=True) as stream:
    running = next(iter(stream)).response
    cancelled = strict(client.responses.cancel(running.id))
    assert cancelled.status == "cancelled" and cancelled.id == running.id, cancelled
assert strict(client.responses.retrieve(running.id)).status == "cancelled"
begun = strict(client.responses.create(model="yabby", input="Say hello.", background=True))
assert begun.status == "in_progress", begun
while begun.status == "in_progress":
    time.sleep(0.2)
    begun = strict(client.responses.retrieve(begun.id))
assert begun.status in ("completed", "incomplete") and begun.output_text, begun
client.responses.delete(second.id)
try:
    client.responses.retrieve(second.id)
    raise SystemExit("a deleted response is there")
except openai.NotFoundError as error:
    assert error.code == "response_not_found", error
print("Responses are counted, retrieved, cancelled and deleted")

assert strict(client.models.retrieve("box/smollm2")).owned_by == "box"
info = strict(claude.models.retrieve("box/smollm2"))
assert info.type == "model" and info.id == "box/smollm2" and info.created_at.year == 1970, info
assert "yabby/main" in [model.id for model in claude.models.list(limit=1)], "the pages of Anthropic"
print("models are found one by one")

# It packs its numbers when it is told nothing.
texts = ["a corgi", "the rent"]
packed = client.embeddings.create(model="meaning/smollm2-embed", input=texts)
plain = strict(client.embeddings.create(model="meaning/smollm2-embed", input=texts, encoding_format="float"))
assert len(packed.data) == 2 and len(packed.data[0].embedding) > 100 and packed.usage.prompt_tokens > 0
for one, other in zip(packed.data, plain.data):
    assert max(abs(a - b) for a, b in zip(one.embedding, other.embedding)) < 1e-3
assert client.embeddings.create(model="yabby", input="a corgi").model == "meaning/smollm2-embed"
langchain = OpenAIEmbeddings(
    model="meaning/smollm2-embed", base_url=f"{url}/v1", api_key=key, check_embedding_ctx_length=False
)
assert len(langchain.embed_documents(texts)) == 2
print("embeddings are made")

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
