// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A source without comments")
final class SourceCommentsTest {
    @Test
    @DisplayName("keeps its code, and what looks like a comment in a literal")
    void without() {
        String source = """
                /**
                 * A class.
                 */
                final class Made { // of one field
                    /* Before. */
                    // Two lines.
                    private String text = "// no comment" + '"' + "/*"; // one

                    int size /* bytes */ = 1;
                }
                """;
        assertEquals("""
                final class Made {
                    private String text = "// no comment" + '"' + "/*";

                    int size = 1;
                }
                """, SourceComments.without(source));
    }

    @Test
    @DisplayName("is where a mutant is planted: a text with a comment is refused")
    void refused() {
        assertThrows(
                IllegalArgumentException.class,
                () -> SourceMutant.unlisted("dev.samara.core.Cpu", "        // Here.\n        count();\n", ""));
    }
}
