"""The public vocabulary of the formats: key names that a path may show, and what kind of value stands under some of them."""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Every key that a path may show. Nothing here can name a person.
KNOWN: Final = _words(
    """
    about_model_message about_user_message account additionalProperties aggregate_result alt annotations annotator anyOf
    api_query approval_key approval_options arguments artifacts asset_pointer asset_pointer_link assets async_status
    async_task_title atlas_mode_enabled attachments attribution attributions audio audio_asset_pointer author before
    blocked_urls body breadcrumbs canvas caption category ccRecipients channel chat_messages children choices chunkedPrompt
    chunks citations citations_grouping_mode cite_key cited_message_idx cited_works client_metadata code code_blocks
    codeExecutionResult command completion_tokens computer_id confidence_threshold config content content_body content_parts
    content_references content_type content_url context context_scopes conversation conversation_hash conversation_id
    conversation_origin conversation_template_id conversations country crawl_date crawl_timestamp create_time created
    created_at created_by createTime current_node custom_id cut_off dalle data date default default_model_slug
    delay_resume_streaming deleted deleted_at deletion_requested_at description destination_url detail details detoxify
    detoxify_moderation developer_instructions direction disabled_tool_ids display_content displayName doc_uuid domain
    driveAudio driveDocument driveImage driveVideo duration edit_op email emojis encoding end end_idx end_index end_ix
    end_turn entries enum error errorMessage evaluation_name evaluation_treatment event_id executableCode execution_output
    explanation extra extracted_content extras favicon favicon_url feature_settings file_id file_kind file_name file_text
    file_type file_uri file_url filename fileName filepaths files finish_details finish_reason finished
    finished_duration_sec finishReason flags flat_query footnote_index footnotes format fovea frames_asset_pointers
    free_text frequency_penalty from function function_call functions generation gizmo_id gizmo_title gizmo_type grounding
    groundingChunks groundingSources groups handle hashed_ip header height hidden highlights href html hue icon_name
    icon_type icon_url id image image_asset_pointer image_results image_url images in_conversation_count index
    ingestion_date inline_data inlineData inlineFile input input_audio instructions integration_icon_url integration_name
    invalid_reason is_anonymous is_archived is_complete is_do_not_remember is_ephemeral is_error is_read_only is_starred
    is_study_mode is_temporary_chat is_visually_hidden_from_conversation item_id items json_block json_schema kind labels
    lang language last_updated library link links list logit_bias logprobs mapping matched_text max_tokens maximum
    mcp_server_url media_type memory_scope message message_id message_tree_id message_type messages meta meta_description
    metadata mime_type mimeType minimum modality model model_name model_slug moderation_results moderation_state n name
    new_content new_str non_preferred_output notes num object old_content old_str openai_moderation options original_query
    os_name os_type os_version output output_str owner page page_title parallel_tool_calls param parameters parent parent_id
    parent_message_id parent_message_uuid parts path pending_memory_info placeholder platform plugin_ids pointer pp
    preferred_output presence_penalty preview_title profile project prompt prompt_context_metadata prompt_text prompt_tokens
    properties provider_meta pub_date pub_timestamp published publisher q quality queries query quote quote_text rag_query
    rank raw_text reason reasoning reasoning_content reasoning_end_time reasoning_start_time recipient redacted ref_id refs
    refusal region rejected replies repo request request_id required resource_type response response_format
    response_format_name response_ms result results review_count review_result revision_id role root run_id runSettings
    safe_urls safetyRatings safetySettings schema screenshot search_provider search_queries search_result_groups
    search_results search_type seed selected_sources semantic_query sender seo server_uuid service_tier settings signature
    site_domain site_name size size_bytes snippet source source_analysis_msg_id sources start start_idx start_index start_ix
    started_at state statement status stop stop_tokens store stream strict structured_content subject subtitles
    sugar_item_id sugar_item_visible suggestions summaries summary supporting_websites synthetic system system_fingerprint
    system_instructions systemInstruction tags task_message_id temperature temporary tether_id text textdoc_content thinking
    thought thoughts thoughtSignature tier time timestamp timestamp_ title tld tool tool_call_id tool_calls tool_choice
    tool_name tool_use_id tools top_p toRecipients total_tokens toxic transcript tree_state tts turn turn_exchange_id turns
    type unit unprocessed_output update_time updated_at uri url urls usage user user_context_message_data user_email user_id
    user_instructions user_message_id user_name user_profile uuid value verbosity version video view_range voice web
    webSearchQueries weight widget_code width with workspace_id youtubeVideo
    """
)

#: Keys of references and opaque tokens.
IDS: Final = _words(
    """
    approval_key asset_pointer capture_id children computer_id conversation_hash current_node encrypted_content etag
    fingerprint fovea id parent request_trace_id root signature signatures system_fingerprint thoughtSignature uuid
    """
)

#: Keys of closed vocabularies: types, states, formats, machine names.
ENUMS: Final = _words(
    """
    async_status category channel citations_grouping_mode command_type content_type default_model_slug direction encoding
    file_kind finish_reason finishReason format gizmo_type icon_name input_mode kind lang language media_type memory_scope
    message_type mime_type mimeType modality model model_slug object os_type outcome pad platform probability
    reasoning_status rebase_developer_message recipient requested_model_slug resource_type role search_provider
    search_source serialization_title service_tier status stop_reason sync_status thinking_effort threshold timestamp_
    tool_choice tree_state turn_use_case type voice
    """
)
