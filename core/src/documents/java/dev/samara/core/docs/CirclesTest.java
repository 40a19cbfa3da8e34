// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.samara.testing.Circles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Checks cycles of classes that use each other. A cycle must be read as a whole, because none of its classes can be
 * understood without the others.
 */
final class CirclesTest {
    /** The number of classes in each cycle of more than three classes, and their packages. No cycle may grow. */
    private static final List<String> LONG = List.of(
            // The API: a space and its machine refer to each other, and the objects that they return or lend refer to
            // both.
            "11 of internal.hostfile",
            "10 of core",
            // The accessors for each width extend each other, and call the memory that returns them if a fast access
            // fails.
            "8 of guest",
            "4 of vma");

    private static final Circles CIRCLES = Circles.of(
            new ClassFileImporter().importPath(Path.of(System.getProperty("basedir", ""), "target", "classes")));

    private static String described(NavigableSet<String> circle) {
        return circle.size() + " of "
                + circle.stream()
                        .map(name -> name.substring("dev.samara.core".length(), name.lastIndexOf('.')))
                        .map(name -> name.isEmpty() ? "core" : name.substring(1))
                        .distinct()
                        .sorted()
                        .collect(Collectors.joining(", "));
    }

    @Test
    @DisplayName("Classes of core that use each other in a circle are these and no more, three in a circle aside")
    void circles() {
        List<String> found = new ArrayList<>();
        StringBuilder drawn = new StringBuilder();
        for (NavigableSet<String> circle : CIRCLES.longerThan(3)) {
            found.add(described(circle));
            drawn.append(CIRCLES.draw(circle)).append('\n');
        }
        assertEquals(LONG, found, drawn::toString);
    }
}
