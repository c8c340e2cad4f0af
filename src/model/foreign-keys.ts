/**
 * Keys that other tools write into the config.json of their models. They are refused, because users would believe that a key
 * without an effect has one.
 */
import { InputError } from "../base/errors.ts";

const FOREIGN = new Set(
  `_attn_implementation _name_or_path add_cross_attention architectures attention_bias attention_dropout attn_pdrop auto_map
  bos_token_id chunk_size_feed_forward classifier_dropout cross_attention_hidden_size decoder_start_token_id dtype embd_pdrop
  eos_token_id finetuning_task id2label initializer_range is_decoder is_encoder_decoder label2id layer_norm_eps
  layer_norm_epsilon max_position_embeddings max_window_layers mlp_bias n_ctx n_embd n_head n_inner n_layer n_positions
  num_key_value_heads output_attentions output_hidden_states pad_token_id prefix pretraining_tp problem_type pruned_heads
  quantization_config resid_pdrop return_dict rope_parameters rope_scaling rope_theta sep_token_id sliding_window
  task_specific_params tf_legacy_loss tie_encoder_decoder tokenizer_class torch_dtype torchscript transformers_version
  type_vocab_size use_bfloat16 use_cache use_sliding_window`.split(/\s+/),
);

/** @throws InputError that names every key of `json` that is another tool's */
export function refuseForeignKeys(json: unknown, source: string): void {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return;
  const found = Object.keys(json).filter((key) => FOREIGN.has(key));
  if (found.length === 0) return;
  const [are, them] =
    found.length === 1 ? ["is another tool's key, which means", "it"] : ["are other tools' keys, which mean", "them"];
  throw new InputError(`${source}: ${found.join(", ")} ${are} nothing here; delete ${them}`);
}
