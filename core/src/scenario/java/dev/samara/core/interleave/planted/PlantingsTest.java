// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.interleave.instrument.PlantedPlaces;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.PlantingCheck;
import dev.samara.interleave.instrument.Plantings;
import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Each planted mutant has its place in the code")
final class PlantingsTest extends PlantedPlaces {
    private static final String CPU = "dev.samara.core.Cpu";

    PlantingsTest() throws Exception {
        super(Late.class.getName() + ".made");
    }

    /** Contains a mutant that is not created when a class is initialized, so the test must find it. */
    private static final class Late {
        private Late() {}

        @SuppressWarnings("UnusedMethod") // its class file is read
        static Planting made() {
            return Plantings.withoutCall(CPU, "claim", "noSuchCall", 0);
        }
    }

    @Test
    @DisplayName("a source that cannot be compiled is noticed")
    void uncompilable() {
        SourceMutant made = SourceMutant.unlisted(CPU, "public final class Cpu", "class");
        assertThrows(IllegalStateException.class, () -> PlantingCheck.compile(List.of(made)));
    }
}
