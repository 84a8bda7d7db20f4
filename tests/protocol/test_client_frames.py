"""Each message of a client's, letter for letter as the wire has it."""

from __future__ import annotations

import pytest

from livegen_trio import types as t
from livegen_trio._protocol.codec import decode_client_message, encode_client_message, encode_media

MODEL = "models/gemini-live-2.5-flash-preview"
SAY_HI = t.Content(role="user", parts=[t.Part(text="hi")])


def setup(**fields: object) -> t.Setup:
    return t.Setup(model="m", **fields)  # type: ignore[arg-type]  # by name


def generation(**fields: object) -> t.Setup:
    return setup(generation_config=t.GenerationConfig(**fields))  # type: ignore[arg-type]  # by name


def tool(**fields: object) -> t.Setup:
    return setup(tools=[t.Tool(**fields)])  # type: ignore[arg-type]  # by name


SETUPS: list[tuple[t.ClientMessage, str]] = [
    (t.Setup(model=MODEL), '"model":"models/gemini-live-2.5-flash-preview"'),
    (setup(generation_config=t.GenerationConfig()), '"model":"m","generationConfig":{}'),
    (
        setup(system_instruction=t.Content(parts=[t.Part(text="Be brief."), t.Part(text="Be kind.")])),
        '"model":"m","systemInstruction":{"parts":[{"text":"Be brief."},{"text":"Be kind."}]}',
    ),
    (
        setup(
            tool_config=t.ToolConfig(
                function_calling_config=t.FunctionCallingConfig(mode="ANY", allowed_function_names=["f"])
            )
        ),
        '"model":"m","toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}}',
    ),
    (
        setup(
            realtime_input_config=t.RealtimeInputConfig(
                automatic_activity_detection=t.AutomaticActivityDetection(
                    disabled=False,
                    start_of_speech_sensitivity="START_SENSITIVITY_HIGH",
                    end_of_speech_sensitivity="END_SENSITIVITY_LOW",
                    prefix_padding_ms=20,
                    silence_duration_ms=0,
                ),
                activity_handling="NO_INTERRUPTION",
                turn_coverage="TURN_INCLUDES_ALL_INPUT",
                interim_transcript_timestamp_enabled=True,
            )
        ),
        (
            '"model":"m","realtimeInputConfig":{"automaticActivityDetection":{"disabled":false,'
            '"startOfSpeechSensitivity":"START_SENSITIVITY_HIGH","endOfSpeechSensitivity":"END_SENSITIVITY_LOW",'
            '"prefixPaddingMs":20,"silenceDurationMs":0},"activityHandling":"NO_INTERRUPTION",'
            '"turnCoverage":"TURN_INCLUDES_ALL_INPUT","interimTranscriptTimestampEnabled":true}'
        ),
    ),
    (
        setup(session_resumption=t.SessionResumptionConfig()),
        '"model":"m","sessionResumption":{}',
    ),
    (
        setup(session_resumption=t.SessionResumptionConfig(handle="h", transparent=True)),
        '"model":"m","sessionResumption":{"handle":"h","transparent":true}',
    ),
    (
        setup(context_window_compression=t.ContextWindowCompressionConfig(sliding_window=t.SlidingWindow())),
        '"model":"m","contextWindowCompression":{"slidingWindow":{}}',
    ),
    (
        setup(
            context_window_compression=t.ContextWindowCompressionConfig(
                trigger_tokens=32000, sliding_window=t.SlidingWindow(target_tokens=16000)
            )
        ),
        '"model":"m","contextWindowCompression":{"triggerTokens":32000,"slidingWindow":{"targetTokens":16000}}',
    ),
    (
        setup(
            input_audio_transcription=t.AudioTranscriptionConfig(),
            output_audio_transcription=t.AudioTranscriptionConfig(
                language_codes=["de-DE"],
                custom_vocabulary=["Trio"],
                mode="VERBATIM",
                word_timestamp=True,
                diarization=False,
                source_text="a",
                adaptation_phrases=["b"],
                language_auto=t.Empty(),
                language_hints=t.LanguageHints(language_codes=["fr"]),
            ),
        ),
        (
            '"model":"m","inputAudioTranscription":{},"outputAudioTranscription":{"languageCodes":["de-DE"],'
            '"customVocabulary":["Trio"],"mode":"VERBATIM","wordTimestamp":true,"diarization":false,"sourceText":"a",'
            '"adaptationPhrases":["b"],"languageAuto":{},"languageHints":{"languageCodes":["fr"]}}'
        ),
    ),
    (
        setup(proactivity=t.ProactivityConfig(proactive_audio=True, proactive_video=True)),
        '"model":"m","proactivity":{"proactiveAudio":true,"proactiveVideo":true}',
    ),
    (setup(explicit_vad_signal=True), '"model":"m","explicitVadSignal":true'),
    (
        setup(history_config=t.HistoryConfig(initial_history_in_client_content=True)),
        '"model":"m","historyConfig":{"initialHistoryInClientContent":true}',
    ),
    (
        setup(avatar_config=t.AvatarConfig(avatar_name="Kira", audio_bitrate_bps=1, video_bitrate_bps=2)),
        '"model":"m","avatarConfig":{"avatarName":"Kira","audioBitrateBps":1,"videoBitrateBps":2}',
    ),
    (
        setup(
            avatar_config=t.AvatarConfig(
                customized_avatar=t.CustomizedAvatar(image_mime_type="image/jpeg", image_data=b"\xff\xd8")
            )
        ),
        '"model":"m","avatarConfig":{"customizedAvatar":{"imageMimeType":"image/jpeg","imageData":"/9g="}}',
    ),
    (
        setup(
            safety_settings=[
                t.SafetySetting(
                    category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_NONE", method="SEVERITY"
                )
            ]
        ),
        (
            '"model":"m","safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE",'
            '"method":"SEVERITY"}]'
        ),
    ),
    (setup(labels={"team": "voice"}), '"model":"m","labels":{"team":"voice"}'),
]

GENERATIONS: list[tuple[t.ClientMessage, str]] = [
    (
        generation(
            response_modalities=["AUDIO"],
            temperature=0.5,
            top_p=0.25,
            top_k=40,
            max_output_tokens=100,
            candidate_count=1,
            presence_penalty=-1.5,
            frequency_penalty=1.5,
            seed=7,
            media_resolution="MEDIA_RESOLUTION_LOW",
        ),
        (
            '"responseModalities":["AUDIO"],"temperature":0.5,"topP":0.25,"topK":40.0,"maxOutputTokens":100,'
            '"candidateCount":1,"presencePenalty":-1.5,"frequencyPenalty":1.5,"seed":7,'
            '"mediaResolution":"MEDIA_RESOLUTION_LOW"'
        ),
    ),
    (
        generation(
            speech_config=t.SpeechConfig(
                voice_config=t.VoiceConfig(prebuilt_voice_config=t.PrebuiltVoiceConfig(voice_name="Kore")),
                language_code="de-DE",
            )
        ),
        '"speechConfig":{"voiceConfig":{"prebuiltVoiceConfig":{"voiceName":"Kore"}},"languageCode":"de-DE"}',
    ),
    (
        generation(
            speech_config=t.SpeechConfig(
                voice_config=t.VoiceConfig(
                    replicated_voice_config=t.ReplicatedVoiceConfig(
                        mime_type="audio/wav",
                        voice_sample_audio=b"RIFF",
                        consent_audio=b"yes",
                        voice_consent_signature=t.VoiceConsentSignature(signature="s"),
                    )
                )
            )
        ),
        (
            '"speechConfig":{"voiceConfig":{"replicatedVoiceConfig":{"mimeType":"audio/wav",'
            '"voiceSampleAudio":"UklGRg==","consentAudio":"eWVz","voiceConsentSignature":{"signature":"s"}}}}'
        ),
    ),
    (
        generation(speech_config=t.SpeechConfig(voice_config=t.VoiceConfig(voice="v"))),
        '"speechConfig":{"voiceConfig":{"voice":"v"}}',
    ),
    (
        generation(thinking_config=t.ThinkingConfig(include_thoughts=True, thinking_budget=-1)),
        '"thinkingConfig":{"includeThoughts":true,"thinkingBudget":-1}',
    ),
    (
        generation(thinking_config=t.ThinkingConfig(thinking_level="LOW")),
        '"thinkingConfig":{"thinkingLevel":"LOW"}',
    ),
    (generation(enable_affective_dialog=True), '"enableAffectiveDialog":true'),
    (
        generation(
            translation_config=t.TranslationConfig(target_language_code="fr", echo_target_language=False)
        ),
        '"translationConfig":{"targetLanguageCode":"fr","echoTargetLanguage":false}',
    ),
    (
        generation(
            audio_transcription_config=t.AudioTranscriptionConfig(),
            response_format=[{"text": {}}],
            model_config={"featureSelectionPreference": "BALANCED"},
        ),
        (
            '"audioTranscriptionConfig":{},"responseFormat":[{"text":{}}],'
            '"modelConfig":{"featureSelectionPreference":"BALANCED"}'
        ),
    ),
]

TOOLS: list[tuple[t.ClientMessage, str]] = [
    (
        tool(
            function_declarations=[
                t.FunctionDeclaration(
                    name="light",
                    description="Sets it.",
                    parameters=t.Schema(
                        type="OBJECT", properties={"on": t.Schema(type="BOOLEAN")}, required=["on"]
                    ),
                    response_json_schema={"type": "object"},
                    behavior="NON_BLOCKING",
                )
            ]
        ),
        (
            '{"functionDeclarations":[{"name":"light","description":"Sets it.","parameters":{"type":"OBJECT",'
            '"properties":{"on":{"type":"BOOLEAN"}},"required":["on"]},"responseJsonSchema":{"type":"object"},'
            '"behavior":"NON_BLOCKING"}]}'
        ),
    ),
    (tool(google_search=t.GoogleSearch()), '{"googleSearch":{}}'),
    (
        tool(
            google_search=t.GoogleSearch(
                search_types=t.SearchTypes(web_search=t.Empty(), image_search=t.Empty()),
                blocking_confidence="BLOCK_ONLY_EXTREMELY_HIGH",
                exclude_domains=["example.com"],
                time_range_filter=t.Interval(
                    start_time="2026-01-01T00:00:00Z", end_time="2026-02-01T00:00:00Z"
                ),
            )
        ),
        (
            '{"googleSearch":{"searchTypes":{"webSearch":{},"imageSearch":{}},'
            '"blockingConfidence":"BLOCK_ONLY_EXTREMELY_HIGH","excludeDomains":["example.com"],'
            '"timeRangeFilter":{"startTime":"2026-01-01T00:00:00Z","endTime":"2026-02-01T00:00:00Z"}}}'
        ),
    ),
    (
        tool(
            google_search_retrieval=t.GoogleSearchRetrieval(
                dynamic_retrieval_config=t.DynamicRetrievalConfig(mode="MODE_DYNAMIC", dynamic_threshold=0.5)
            )
        ),
        '{"googleSearchRetrieval":{"dynamicRetrievalConfig":{"mode":"MODE_DYNAMIC","dynamicThreshold":0.5}}}',
    ),
    (tool(code_execution=t.CodeExecution()), '{"codeExecution":{}}'),
    (tool(url_context=t.UrlContext()), '{"urlContext":{}}'),
    (
        tool(
            google_maps=t.GoogleMaps(
                auth_config={"apiKey": "k"},
                enable_widget=True,
                grounding_types=t.GoogleMapsGroundingTypes(places=t.Empty(), routing=t.Empty()),
            )
        ),
        (
            '{"googleMaps":{"authConfig":{"apiKey":"k"},"enableWidget":true,'
            '"groundingTypes":{"places":{},"routing":{}}}}'
        ),
    ),
    (
        tool(computer_use=t.ComputerUse(environment="ENVIRONMENT_BROWSER")),
        '{"computerUse":{"environment":"ENVIRONMENT_BROWSER"}}',
    ),
    (
        tool(file_search=t.FileSearch(file_search_store_names=["fileSearchStores/s"], top_k=3)),
        '{"fileSearch":{"fileSearchStoreNames":["fileSearchStores/s"],"topK":3}}',
    ),
    (
        tool(
            mcp_servers=[
                t.McpServer(
                    name="n",
                    streamable_http_transport=t.StreamableHttpTransport(
                        url="https://example.com/mcp", headers={"a": "b"}, timeout=t.Duration(2.5)
                    ),
                )
            ]
        ),
        (
            '{"mcpServers":[{"name":"n","streamableHttpTransport":{"url":"https://example.com/mcp",'
            '"headers":{"a":"b"},"timeout":"2.500s"}}]}'
        ),
    ),
    (tool(retrieval={"vertexRagStore": {}}), '{"retrieval":{"vertexRagStore":{}}}'),
    (tool(enterprise_web_search=t.EnterpriseWebSearch()), '{"enterpriseWebSearch":{}}'),
    (tool(parallel_ai_search=t.ParallelAiSearch(api_key="k")), '{"parallelAiSearch":{"apiKey":"k"}}'),
    (tool(exa_ai_search=t.ExaAiSearch(api_key="k")), '{"exaAiSearch":{"apiKey":"k"}}'),
]

MESSAGES: list[tuple[t.ClientMessage, str]] = [
    *((message, f'{{"setup":{{{fields}}}}}') for message, fields in SETUPS),
    *(
        (message, f'{{"setup":{{"model":"m","generationConfig":{{{fields}}}}}}}')
        for message, fields in GENERATIONS
    ),
    *((message, f'{{"setup":{{"model":"m","tools":[{item}]}}}}') for message, item in TOOLS),
    (t.ClientContent(turn_complete=True), '{"clientContent":{"turnComplete":true}}'),
    (
        t.ClientContent(turns=[SAY_HI], turn_complete=True),
        '{"clientContent":{"turns":[{"role":"user","parts":[{"text":"hi"}]}],"turnComplete":true}}',
    ),
    (
        t.ClientContent(turns=[SAY_HI, t.Content(role="model", parts=[t.Part(text="Yes?")])]),
        (
            '{"clientContent":{"turns":[{"role":"user","parts":[{"text":"hi"}]},'
            '{"role":"model","parts":[{"text":"Yes?"}]}]}}'
        ),
    ),
    (
        t.RealtimeInput(audio=t.Blob(mime_type="audio/pcm;rate=16000", data=b"\0\1")),
        '{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"AAE="}}}',
    ),
    (
        t.RealtimeInput(video=t.Blob(mime_type="image/jpeg", data=b"\xff\xd8")),
        '{"realtimeInput":{"video":{"mimeType":"image/jpeg","data":"/9g="}}}',
    ),
    (t.RealtimeInput(text="hi"), '{"realtimeInput":{"text":"hi"}}'),
    (t.RealtimeInput(activity_start=t.ActivityStart()), '{"realtimeInput":{"activityStart":{}}}'),
    (t.RealtimeInput(activity_end=t.ActivityEnd()), '{"realtimeInput":{"activityEnd":{}}}'),
    (t.RealtimeInput(audio_stream_end=True), '{"realtimeInput":{"audioStreamEnd":true}}'),
    (
        t.RealtimeInput(media_chunks=[t.Blob(mime_type="audio/pcm", data=b"\0\1")]),
        '{"realtimeInput":{"mediaChunks":[{"mimeType":"audio/pcm","data":"AAE="}]}}',
    ),
    (
        t.ToolResponse(function_responses=[t.FunctionResponse(id="1", name="f", response={"output": 21})]),
        '{"toolResponse":{"functionResponses":[{"id":"1","name":"f","response":{"output":21}}]}}',
    ),
    (
        t.ToolResponse(
            function_responses=[
                t.FunctionResponse(
                    id="1",
                    name="f",
                    response={"error": "no"},
                    scheduling="SILENT",
                    will_continue=False,
                    parts=[
                        t.FunctionResponsePart(inline_data=t.Blob(mime_type="image/png", data=b"\x89")),
                        t.FunctionResponsePart(
                            file_data=t.FileData(file_uri="gs://b/o", mime_type="image/png")
                        ),
                    ],
                )
            ]
        ),
        (
            '{"toolResponse":{"functionResponses":[{"id":"1","name":"f","response":{"error":"no"},'
            '"scheduling":"SILENT","willContinue":false,"parts":[{"inlineData":{"mimeType":"image/png","data":"iQ=="}},'
            '{"fileData":{"fileUri":"gs://b/o","mimeType":"image/png"}}]}]}}'
        ),
    ),
    (
        t.ContextUpdate(system_instruction=t.Content(parts=[t.Part(text="Be brief.")])),
        '{"contextUpdate":{"systemInstruction":{"parts":[{"text":"Be brief."}]}}}',
    ),
    (
        t.ContextUpdate(tools=t.ToolsUpdate(tools=[t.Tool(google_search=t.GoogleSearch())])),
        '{"contextUpdate":{"tools":{"tools":[{"googleSearch":{}}]}}}',
    ),
    (t.ContextUpdate(tools=t.ToolsUpdate()), '{"contextUpdate":{"tools":{"tools":[]}}}'),
]


@pytest.mark.parametrize(("message", "frame"), MESSAGES, ids=[frame[:80] for _, frame in MESSAGES])
def test_a_message_is_written_letter_for_letter(message: t.ClientMessage, frame: str) -> None:
    assert encode_client_message(message) == frame.encode()
    assert decode_client_message(frame) == message


def test_media_is_written_letter_for_letter() -> None:
    assert encode_media("audio", b"\0\1", "audio/pcm;rate=16000") == (
        b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"AAE="}}}'
    )
    assert encode_media("video", b"\xff\xd8", "image/jpeg") == (
        b'{"realtimeInput":{"video":{"mimeType":"image/jpeg","data":"/9g="}}}'
    )


@pytest.mark.parametrize(
    "struct",
    [t.Setup, t.GenerationConfig, t.Tool, t.ClientContent, t.RealtimeInput, t.ToolResponse, t.ContextUpdate],
)
def test_every_field_of_a_message_is_in_a_literal(struct: type[t.Model]) -> None:
    text = "".join(frame for _, frame in MESSAGES)
    assert [name for name in struct.__struct_encode_fields__ if f'"{name}":' not in text] == []
