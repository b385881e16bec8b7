// The Edge Function: supabase/functions/send-sms/index.ts, with handler.mjs next to it.
import { createHandler } from "./handler.mjs";

Deno.serve(createHandler(Deno.env.toObject()));
