// Needs com.google.android.gms:play-services-auth-api-phone, and no permission.
package com.example.shop

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import androidx.core.content.ContextCompat
import com.google.android.gms.auth.api.phone.SmsRetriever
import com.google.android.gms.common.api.CommonStatusCodes
import com.google.android.gms.common.api.Status

class CodeReceiver(private val onCode: (String) -> Unit) : BroadcastReceiver() {

    // Call this before your back end requests the message.
    fun start(context: Context) {
        val filter = IntentFilter(SmsRetriever.SMS_RETRIEVED_ACTION)
        // Only Play services may send this broadcast, or another app could send a code.
        ContextCompat.registerReceiver(
            context, this, filter, SmsRetriever.SEND_PERMISSION, null, ContextCompat.RECEIVER_EXPORTED,
        )
        SmsRetriever.getClient(context).startSmsRetriever()
    }

    override fun onReceive(context: Context, intent: Intent) {
        if (intent.action != SmsRetriever.SMS_RETRIEVED_ACTION) return
        val status = intent.extras?.get(SmsRetriever.EXTRA_STATUS) as? Status
        // After five minutes without a message: the person can still type the code.
        if (status?.statusCode != CommonStatusCodes.SUCCESS) return
        val text = intent.getStringExtra(SmsRetriever.EXTRA_SMS_MESSAGE) ?: return
        CODE.find(text)?.let { onCode(it.groupValues[1]) }
    }

    companion object {
        // Every text of the service starts with the code, in each language.
        private val CODE = Regex("""^<#>\D*(\d{4,10})""")
    }
}
