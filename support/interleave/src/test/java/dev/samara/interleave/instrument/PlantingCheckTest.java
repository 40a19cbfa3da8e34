// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.interleave.schedule.Steps;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@DisplayName("A mutant whose place is gone")
@Tag("interleave")
final class PlantingCheckTest {
    @Test
    @DisplayName("is noticed if it changes a call")
    void call() {
        CallMutant made = new CallMutant(Steps.class.getName(), "enter", "noSuchCall", (to, found) -> true);
        assertThrows(IllegalStateException.class, () -> PlantingCheck.place(made));
    }

    @Test
    @DisplayName("is noticed if it changes a text, or a text that occurs twice")
    void text() {
        for (String text : new String[] {"no such text", "import "}) {
            SourceMutant made = SourceMutant.unlisted(Steps.class.getName(), text, "");
            assertThrows(IllegalStateException.class, () -> PlantingCheck.place(made));
        }
    }
}
