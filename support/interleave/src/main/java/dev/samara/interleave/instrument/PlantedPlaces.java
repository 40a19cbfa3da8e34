// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.function.Executable;

/**
 * Checks for each planted mutant of a module that its place in the source still exists and that the source compiles
 * with the change. This includes mutants that only tests outside of the build use. It does not check whether a test
 * finds the mutant. Each module contains a test that extends this class.
 */
@Tag("interleave")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class PlantedPlaces {
    private final PlantingCheck check;
    private final List<String> late;

    /**
     * Initializes the test classes of the subclass's module that create mutants.
     *
     * @param late the methods that are expected to create mutants at another time
     */
    protected PlantedPlaces(String... late) throws Exception {
        check = new PlantingCheck(getClass());
        this.late = List.of(late);
    }

    @Test
    @DisplayName("and is known, since it is made when its class is initialized")
    void known() {
        assertFalse(check.initializers().isEmpty());
        assertEquals(late, check.late());
        assertTrue(Plantings.made().size() >= check.initializers().size(), Plantings.made()::toString);
    }

    @Test
    @DisplayName("its text or its call exists")
    void exists() {
        assertAll(Plantings.made().stream().map(planting -> (Executable) () -> PlantingCheck.place(planting)));
    }

    @Test
    @DisplayName("a source with the mutant can be compiled")
    void compiles() {
        assertAll(PlantingCheck.rounds(Plantings.made()).stream()
                .map(round -> (Executable) () -> PlantingCheck.compile(round.values())));
    }
}
