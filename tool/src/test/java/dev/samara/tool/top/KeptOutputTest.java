// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class KeptOutputTest {
    private final KeptOutput kept = new KeptOutput(64);
    private long lost;

    private void write(String text) throws IOException {
        kept.write(text.getBytes(StandardCharsets.UTF_8));
    }

    private String written() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        kept.writeTo(out, bytes -> lost = bytes);
        return out.toString(StandardCharsets.UTF_8);
    }

    @Test
    @DisplayName("the last bytes are kept, and those before are counted")
    void lastBytes() throws IOException {
        write("abc");
        assertEquals("abc", written());
        assertEquals(0, lost);
        write("-".repeat(60) + "end");
        assertEquals("c" + "-".repeat(60) + "end", written());
        assertEquals(2, lost);
    }

    @Test
    @DisplayName("the last lines are shown, also one that has no end yet")
    void lastLines() throws IOException {
        assertEquals(List.of(), kept.lastLines(3, 80));
        write("one\ntwo\nthree\nfo");
        assertEquals(List.of("three", "fo"), kept.lastLines(2, 80));
        write("ur\n");
        assertEquals(List.of("two", "three", "four"), kept.lastLines(3, 80));
    }

    @Test
    @DisplayName("what would move the cursor is left out, and a long line is cut")
    void harmless() throws IOException {
        write("\u001b[2J\u001b[31mred\u001b[0m\rab\tc\u0007\nlonger than ten\n");
        assertEquals(List.of("redab   c", "longer tha"), kept.lastLines(9, 10));
    }
}
