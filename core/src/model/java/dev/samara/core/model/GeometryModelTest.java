// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.fixture.Geometries;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The calls of {@link LayoutModelTest} in spaces of each named geometry of the library, with each page size. A space
 * consists of only a few hundred pages, because the model visits each page. It preserves the proportions of the
 * geometry: the distances between minimum, window and limit, and whether a mapping contains a huge page.
 */
@DisplayName("In each geometry, with each page size, every call leaves the layout that the model predicts")
@Tag("comparison")
final class GeometryModelTest {
    private static final int STEPS = 120;

    private static final int WINDOW = 0x180;

    private static final int ABOVE = 0xc0;

    /** 9 and 24 are the minimum and the maximum. */
    private static final int[] PAGE_SHIFTS = {9, 12, 14, 16, 24};

    static Stream<Arguments> geometries() {
        List<Arguments> all = new ArrayList<>();
        Geometries.all().forEach((name, geometry) -> {
            for (int pageShift : PAGE_SHIFTS) {
                all.add(Arguments.of(name, pageShift, geometry));
            }
        });
        return all.stream();
    }

    private static Geometry small(Geometry of, int pageShift) {
        long minimum = Math.min(of.pages(of.minimum()), 4);
        long limit = of.limit() == of.window() ? WINDOW : WINDOW + ABOVE;
        int huge = of.hugeSize() < of.window() >>> 2 ? pageShift + 3 : pageShift + 20;
        return new Geometry(
                pageShift, of.levels(), huge, minimum << pageShift, (long) WINDOW << pageShift, limit << pageShift);
    }

    @ParameterizedTest(name = "{0}, pages of 2^{1} bytes")
    @MethodSource("geometries")
    void calls(String name, int pageShift, Geometry geometry) {
        LayoutModelTest.runOne(31L * name.hashCode() + pageShift, STEPS, small(geometry, pageShift));
    }
}
