// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live.planted;

import dev.samara.interleave.instrument.PlantedPlaces;
import org.junit.jupiter.api.DisplayName;

@DisplayName("Each mutant of the emulator has its place in the code")
final class ProgramPlantingsTest extends PlantedPlaces {
    ProgramPlantingsTest() throws Exception {}
}
