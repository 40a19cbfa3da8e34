// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.interleave.schedule.Steps;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@DisplayName("A break whose place is gone")
@Tag("interleave")
final class PlantingCheckTest {
    @Test
    @DisplayName("is noticed if it changes a call")
    void call() {
        CallBreak made = new CallBreak(Steps.class.getName(), "enter", "noSuchCall", (to, found) -> true);
        assertThrows(IllegalStateException.class, () -> PlantingCheck.place(made));
    }

    @Test
    @DisplayName("is noticed if it changes a text, or a text that occurs twice")
    void text() {
        for (String text : new String[] {"no such text", "import "}) {
            SourceBreak made = SourceBreak.unlisted(Steps.class.getName(), text, "");
            assertThrows(IllegalStateException.class, () -> PlantingCheck.place(made));
        }
    }
}
