import SwiftUI

struct CodeField: View {
    @Binding var code: String

    var body: some View {
        TextField("Code", text: $code)
            .textContentType(.oneTimeCode)
            .keyboardType(.numberPad)
    }
}
