//! The families of `wire-facts.md` §3: what a call looks like that stands in the text.

/// Where the form of a family comes from.
const S3: &str = "wire-facts.md §3";
const QWEN: &str = "xllamacpp-b11549-qwen1.5b/chat_tools_auto.txt";

/// Texts that are the call `get_weather(city="Paris", days=2)`.
pub(super) const FAMILIES: [(&str, &str, &str); 44] = [
    (
        "hermes",
        S3,
        r#"<tool_call>{"name":"get_weather","arguments":{"city":"Paris","days":2}}</tool_call>"#,
    ),
    (
        "hermes, in lines",
        S3,
        "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 2,}}\n</tool_call>",
    ),
    (
        "hermes, not closed",
        S3,
        r#"<tool_call>{"name":"get_weather","arguments":{"city":"Paris","days":"2"}}"#,
    ),
    (
        "hermes, arguments in a string",
        S3,
        r#"<tool_call>{"name":"get_weather","arguments":"{\"city\":\"Paris\",\"days\":2}"}</tool_call>"#,
    ),
    (
        "qwen3-coder",
        S3,
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>",
    ),
    (
        "qwen3-coder, no outer tag",
        S3,
        "<function=get_weather>\n<parameter=city>Paris</parameter><parameter=days>2</parameter></function>",
    ),
    (
        "qwen3-coder, outer closer only",
        S3,
        "<function=get_weather>\n<parameter=city>Paris</parameter><parameter=days>2</parameter></function></tool_call>",
    ),
    (
        "qwen3-coder, closer twice",
        S3,
        "<tool_call><function=get_weather><parameter=city>Paris</parameter>\n</parameter><parameter=days>2</parameter></function></tool_call>",
    ),
    (
        "llama 3.1 function tag",
        "general knowledge",
        r#"<function=get_weather>{"city":"Paris","days":2}</function>"#,
    ),
    (
        "glm",
        S3,
        "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>",
    ),
    (
        "harmony",
        S3,
        r#"<|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city":"Paris","days":2}<|call|>"#,
    ),
    (
        "harmony, analysis channel",
        S3,
        r#"<|channel|>analysis to=get_weather<|message|>{"city":"Paris","days":2}<|call|>"#,
    ),
    (
        "harmony, recipient in the role",
        "general knowledge",
        r#"<|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>{"city":"Paris","days":2}<|call|>"#,
    ),
    (
        "harmony, marks not shown",
        S3,
        r#"commentary to=functions.get_weather json{"city":"Paris","days":2}"#,
    ),
    ("muse", S3, r#"to=get_weather<|message|>{"city":"Paris","days":2}"#),
    (
        "gemma 4",
        S3,
        r#"<|tool_call>call:get_weather{city:<|"|>Paris<|"|>,days:2}<tool_call|>"#,
    ),
    (
        "gemma 4, marks not shown",
        S3,
        r#"call:get_weather{city:"Paris",days:2}"#,
    ),
    (
        "functiongemma",
        S3,
        "<start_function_call>call:get_weather{city:<escape>Paris<escape>,days:2}<end_function_call>",
    ),
    (
        "mistral",
        S3,
        r#"[TOOL_CALLS][{"name":"get_weather","arguments":{"city":"Paris","days":2}}]"#,
    ),
    (
        "mistral v11",
        S3,
        r#"[TOOL_CALLS]get_weather[ARGS]{"city":"Paris","days":2}"#,
    ),
    (
        "mistral v11 with id",
        "general knowledge",
        r#"[TOOL_CALLS]get_weather[CALL_ID]a1b2c3d4e[ARGS]{"city":"Paris","days":2}"#,
    ),
    (
        "deepseek v3",
        S3,
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\":\"Paris\",\"days\":2}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    (
        "deepseek v3.1",
        "general knowledge",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\":\"Paris\",\"days\":2}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    (
        "deepseek v3.2",
        "general knowledge",
        "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" string=\"true\">Paris</｜DSML｜parameter>\n<｜DSML｜parameter name=\"days\" string=\"false\">2</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
    ),
    (
        "llama 3 bare",
        S3,
        r#"{"name":"get_weather","parameters":{"city":"Paris","days":"2"}}"#,
    ),
    (
        "llama 3 python tag, json",
        S3,
        r#"<|python_tag|>{"name":"get_weather","parameters":{"city":"Paris","days":2}}<|eom_id|>"#,
    ),
    (
        "llama 3 python tag, call",
        S3,
        r#"<|python_tag|>get_weather.call(city="Paris", days=2)"#,
    ),
    ("llama pythonic", S3, "[get_weather(city='Paris', days=2)]"),
    (
        "lfm2",
        S3,
        r#"<|tool_call_start|>[get_weather(city="Paris", days=2)]<|tool_call_end|>"#,
    ),
    (
        "olmo 3",
        S3,
        "<function_calls>get_weather(city=\"Paris\", days=2)</function_calls>",
    ),
    (
        "cohere",
        S3,
        r#"<|START_ACTION|>[{"tool_call_id":"0","tool_name":"get_weather","parameters":{"city":"Paris","days":2}}]<|END_ACTION|>"#,
    ),
    (
        "invoke",
        S3,
        "<invoke name=\"get_weather\"><parameter name=\"city\">Paris</parameter><parameter name=\"days\">2</parameter></invoke>",
    ),
    (
        "anthropic wrapper",
        S3,
        "<function_calls>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Paris</parameter>\n<parameter name=\"days\">2</parameter>\n</invoke>\n</function_calls>",
    ),
    (
        "minimax",
        S3,
        "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Paris</parameter>\n<parameter name=\"days\">2</parameter>\n</invoke>\n</minimax:tool_call>",
    ),
    (
        "muse wrapper",
        S3,
        "<atem:function_calls><atem:invoke name=\"get_weather\"><atem:parameter name=\"city\">Paris</atem:parameter><atem:parameter name=\"days\">2</atem:parameter></atem:invoke></atem:function_calls>",
    ),
    (
        "kimi k2",
        S3,
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\":\"Paris\",\"days\":2}<|tool_call_end|><|tool_calls_section_end|>",
    ),
    (
        "lm studio",
        S3,
        "[TOOL_REQUEST]{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\",\"days\":2}}[END_TOOL_REQUEST]",
    ),
    (
        "lm studio in openclaw",
        S3,
        "[get_weather]\n{\"city\":\"Paris\",\"days\":2}\n[END_TOOL_REQUEST]",
    ),
    (
        "routellm",
        S3,
        r#"<function_call_name>get_weather</function_call_name><function_call_arguments>{"city":"Paris","days":2}</function_call_arguments>"#,
    ),
    (
        "fence",
        QWEN,
        "```json\n{\n  \"name\": \"get_weather\",\n  \"arguments\": {\n    \"city\": \"Paris\",\n    \"days\": 2\n  }\n}\n```",
    ),
    (
        "fence of python",
        S3,
        "```tool_code\nprint(get_weather(city=\"Paris\", days=2))\n```",
    ),
    (
        "fence of marks",
        S3,
        "```xml\n<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\",\"days\":2}}</tool_call>\n```",
    ),
    (
        "doubled",
        "xllamacpp-b11549-qwen1.5b/chat_tool_result.txt",
        r#"{{"name": "get_weather", "arguments": {"city": "Paris", "days": 2}}"#,
    ),
    (
        "nested",
        "general knowledge",
        r#"{"type":"function","function":{"name":"get_weather","arguments":{"city":"Paris","days":2}}}"#,
    ),
];

/// Those that count only when they are the whole message.
pub(super) fn is_whole(name: &str) -> bool {
    ["llama 3 bare", "llama pythonic", "nested", "doubled"].contains(&name) || name.starts_with("fence")
}

/// Those that count only at the beginning of a line.
pub(super) fn begins_line(name: &str) -> bool {
    ["harmony, marks not shown", "muse", "gemma 4, marks not shown"].contains(&name)
}
