// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.interleave;

import dev.samara.interleave.instrument.PlantedPlaces;
import org.junit.jupiter.api.DisplayName;

@DisplayName("Each mutant of the tree has its place in the code")
final class TreePlantingsTest extends PlantedPlaces {
    TreePlantingsTest() throws Exception {}
}
