// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import java.io.IOException;
import java.util.HexFormat;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The WebAssembly module of docs/webassembly.md, for the other page that shows how to run it. */
public final class WasmOfGuide {
    private static final Pattern HEX = Pattern.compile("\"([0-9a-f]{8,})\"");

    private WasmOfGuide() {}

    /** Returns the bytes of the module, which the guide contains as hexadecimal digits. */
    public static byte[] bytes() throws IOException {
        String text = String.join("", new DocumentedProgram("docs/webassembly.md").blocks("java"));
        return HexFormat.of()
                .parseHex(HEX.matcher(text)
                        .results()
                        .map(MatchResult::group)
                        .collect(Collectors.joining())
                        .replace("\"", ""));
    }
}
