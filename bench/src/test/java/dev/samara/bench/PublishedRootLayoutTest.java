// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.maple.MapleTree;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openjdk.jol.datamodel.Model64;
import org.openjdk.jol.datamodel.Model64_Lilliput;
import org.openjdk.jol.info.ClassLayout;
import org.openjdk.jol.info.FieldLayout;
import org.openjdk.jol.layouters.CurrentLayouter;
import org.openjdk.jol.layouters.HotSpotLayouter;
import org.openjdk.jol.layouters.Layouter;

/** Checks that a tree's root has a cache line to itself, as the comment of its class promises. */
class PublishedRootLayoutTest {
    private static final int LINE = 64;
    private static final String PACKAGE = MapleTree.class.getPackageName() + ".";
    private static final Set<String> PADDING = Set.of(PACKAGE + "BeforeRoot", PACKAGE + "AfterRoot");

    static Stream<Named<Layouter>> layouts() {
        return Stream.of(
                Named.of("this JVM", new CurrentLayouter()),
                Named.of("short references and class pointers", new HotSpotLayouter(new Model64(true, true), 17)),
                Named.of("short class pointers", new HotSpotLayouter(new Model64(false, true), 17)),
                Named.of("nothing short", new HotSpotLayouter(new Model64(false, false), 17)),
                Named.of("short headers", new HotSpotLayouter(new Model64_Lilliput(true, 8, false), 25)),
                Named.of("short headers alone", new HotSpotLayouter(new Model64_Lilliput(false, 8, false), 25)));
    }

    @ParameterizedTest
    @MethodSource("layouts")
    @DisplayName("whatever else a writer stores is at least a line away, in the tree and out of it")
    void distance(Layouter layouter) {
        ClassLayout layout = ClassLayout.parseClass(MapleTree.class, layouter);
        FieldLayout root = layout.fields().stream()
                .filter(field -> field.hostClass().equals(PACKAGE + "PublishedRoot"))
                .collect(Collectors.collectingAndThen(Collectors.toList(), PublishedRootLayoutTest::only));
        assertEquals("root", root.name());
        long from = root.offset() + root.size() - LINE;
        long to = root.offset() + LINE;
        assertTrue(from >= 0 && to <= layout.instanceSize(), layout::toPrintable);
        for (FieldLayout field : layout.fields()) {
            if (PADDING.contains(field.hostClass())) {
                assertTrue(Set.of("int", "long").contains(field.typeClass()), "a field that may be used");
            } else if (!field.equals(root)) {
                assertTrue(field.offset() + field.size() <= from || field.offset() >= to, layout::toPrintable);
            }
        }
    }

    private static <T> T only(List<T> list) {
        assertEquals(1, list.size());
        return list.get(0);
    }
}
