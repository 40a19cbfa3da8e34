// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.instrument;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * Looks at the planted breaks of all tests and profiles, also of those that the build leaves out. It does not look
 * whether a break is found.
 */
@DisplayName("Each planted break has its place in the code")
@Tag("interleave")
final class PlantingsTest {
    private static final String CPU = "dev.samara.core.Cpu";

    /** Makes a break that no initialization makes, to see it found. */
    private static final class Late {
        private Late() {}

        @SuppressWarnings("UnusedMethod") // its class file is read
        static Planting made() {
            return Plantings.withoutCall(CPU, "claim", "noSuchCall", 0);
        }
    }

    private static PlantingMakers makers;

    @BeforeAll
    static void initialize() throws Exception {
        Path tests = Path.of(PlantingsTest.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        makers = new PlantingMakers(tests);
        assertNotEquals(Set.of(), makers.initializers());
        for (String name : makers.initializers()) {
            Class.forName(name);
        }
    }

    private static void look(Planting planting) {
        if (planting instanceof SourceBreak source) {
            source.text();
        } else if (planting instanceof CallBreak call) {
            call.apply(call.in(), SteppedClassLoader.classFile(call.in()));
        }
    }

    @Test
    @DisplayName("and is known, since it is made when its class is initialized")
    void known() {
        assertEquals(List.of(Late.class.getName() + ".made"), makers.late());
        assertTrue(Plantings.made().size() >= makers.initializers().size(), Plantings.made()::toString);
    }

    @Test
    @DisplayName("its text or its call exists")
    void exists() {
        assertAll(Plantings.made().stream().map(planting -> (Executable) () -> look(planting)));
    }

    @Test
    @DisplayName("a source with the break can be compiled")
    void compiles() {
        List<Map<String, SourceBreak>> rounds = new ArrayList<>();
        for (Planting planting : Plantings.made()) {
            if (planting instanceof SourceBreak source) {
                Map<String, SourceBreak> free = rounds.stream()
                        .filter(round -> !round.containsKey(source.className()))
                        .findFirst()
                        .orElseGet(() -> {
                            rounds.add(new LinkedHashMap<>());
                            return rounds.get(rounds.size() - 1);
                        });
                free.put(source.className(), source);
            }
        }
        assertAll(rounds.stream().map(round -> (Executable) () -> SourceCompiler.compileTogether(round.values())));
    }

    @Test
    @DisplayName("a text or a call that is gone is seen")
    void gone() {
        for (String text : List.of("no such text", "import ")) {
            SourceBreak made = new SourceBreak(CPU, text, "");
            assertThrows(IllegalStateException.class, () -> look(made));
        }
        SourceBreak uncompilable = new SourceBreak(CPU, "public final class Cpu", "class");
        assertThrows(IllegalStateException.class, () -> SourceCompiler.compileTogether(List.of(uncompilable)));
        CallBreak call = new CallBreak(CPU, "claim", "noSuchCall", (to, found) -> true);
        assertThrows(IllegalStateException.class, () -> look(call));
    }
}
