// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.schedule.Steps;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

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

    @Test
    @DisplayName("is noticed before a class is loaded if there are no sources of its module")
    void sources() {
        SourceMutant made = SourceMutant.unlisted("dev.samara.absent.Absent", "text", "");
        for (Executable loader : List.<Executable>of(
                () -> new PlantedClassLoader(List.of(made)), () -> new SteppedClassLoader(List.of(made), false))) {
            IllegalStateException refused = assertThrows(IllegalStateException.class, loader);
            String message = String.valueOf(refused.getMessage());
            assertTrue(message.startsWith("a mutant of dev.samara.absent.Absent is made from its source: "), message);
        }
    }
}
