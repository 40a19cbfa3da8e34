// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.interleave;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.interleave.instrument.PlantedClassLoader;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.testing.Explored;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Mutants of leaves that a test with one thread can detect. {@link TreeScenariosTest} lists mutants that need a second
 * thread. Each mutant names the method of a unit test, which runs in a class loader with the mutant.
 */
@DisplayName("each mutant of a leaf is found by a unit test")
@Tag("interleave")
@Timeout(600)
@Explored(4)
final class LeafMutantsTest {
    private static final String PIVOTS = "LeafPivots";
    private static final String BOUNDARY = "LeafBoundary";
    private static final String IN_PLACE = "InPlace";
    private static final String NODE = "Node";
    private static final String READER = "Reader";

    /**
     * A mutant, and the method that finds it.
     *
     * @param name what the mutated code does
     * @param test the class with the method; a nested class has the name of its class file
     * @param arguments numbers and flags: the arguments of one invocation of a parameterized method
     */
    private record LeafMutant(String name, Planting planting, String test, String method, List<Object> arguments) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static LeafMutant of(String name, Planting planting, String test, String method, Object... arguments) {
        return new LeafMutant(name, planting, test, method, List.of(arguments));
    }

    private static SourceMutant planted(String className, String text, String replacement) {
        return SourceMutant.of("dev.samara.maple." + className, text, replacement);
    }

    private static final List<LeafMutant> MUTANTS = List.of(
            of(
                    "a search of lanes has no marks, so a borrow goes on to the next lane",
                    planted(PIVOTS, "long marked = distance * ONES | MARKS;", "long marked = distance * ONES;"),
                    "LeafPivotsTest",
                    "storedAndFound",
                    0),
            of(
                    "a granule is chosen for which distances take the bit of the mark",
                    planted(PIVOTS, "(distance >>> shift & -SPAN) != 0", "(distance >>> shift & -(SPAN << 1)) != 0"),
                    "LeafPivotsTest",
                    "storedAndFound",
                    1),
            of(
                    "pivots that are not at granules are stored as lanes",
                    planted(PIVOTS, "while (k < to && isAtGranule(lanes, pivots[k]))", "while (k < to)"),
                    "LeafPivotsTest",
                    "notAtGranules",
                    1),
            of(
                    "an edit does not check that its lower end is at a granule",
                    planted(
                            PIVOTS,
                            "!isAtGranule(old, hi) || (at > i && !isAtGranule(old, lo - 1))",
                            "!isAtGranule(old, hi)"),
                    "LeafPivotsTest",
                    "changed",
                    1),
            of(
                    "lanes that move by whole words are shifted by 64 bits",
                    planted(PIVOTS, "low == 0 ? lower : lower |", "lower |"),
                    "LeafPivotsTest",
                    "changed",
                    0),
            of(
                    "a new leaf keeps the record of the old one's boundary",
                    planted(PIVOTS, "p[SHIFT] = (int) old[SHIFT];", "p[SHIFT] = old[SHIFT];"),
                    "LeafBoundaryTest",
                    "random",
                    2),
            of(
                    "a leaf takes over pivots on which a boundary moves",
                    planted(IN_PLACE, "changed = LeafBoundary.shared(pivots);", "changed = pivots;"),
                    "LeafBoundaryTest$Stays",
                    "olderLeaf"),
            of(
                    "a boundary moves to an index that the leaf's form cannot store",
                    planted(IN_PLACE, "if (!LeafPivots.canBeStored(pivots, to)) {", "if (start > next) {"),
                    "LeafBoundaryTest$Stays",
                    "notAtGranule"),
            of(
                    "a boundary moves to an even index in a leaf with halves",
                    planted(PIVOTS, "!hasEven(pivots) && Keys.isEven(pivot) == 0", "!hasEven(pivots)"),
                    "LeafBoundaryTest$Stays",
                    "evenIndex"),
            of(
                    "a boundary that moves into a free range leaves the largest gap",
                    planted(
                            IN_PLACE,
                            "gap = resized(root, parent, slot, i + 1, Node.length(end + 1, next),"
                                    + " Node.length(to + 1, next), lo);",
                            "gap = parent.gaps[slot];"),
                    "LeafBoundaryTest",
                    "random",
                    1),
            of(
                    "a boundary that moves stays in the copy of its leaf that another node gets",
                    planted(BOUNDARY, "copy[copy.length - 1] = (int) copy[copy.length - 1];", ""),
                    "LeafBoundaryTest",
                    "pivots"),
            of(
                    "a copied node records the form of the old leaf",
                    planted(NODE, "long f = withForm(forms, i, notes >>> FORM);", "long f = forms;"),
                    "MapleTreeTest",
                    "leafGetsAnotherForm"),
            of(
                    "a reader compares halves in a leaf with lanes",
                    planted(READER, "halvesDecide = halvesSuffice;", "halvesDecide = true;"),
                    "ReaderTest",
                    "findsWhatGetFindsInATreeOfSeveralLevels",
                    2L));

    static List<LeafMutant> mutants() {
        return MUTANTS;
    }

    @ParameterizedTest
    @MethodSource("mutants")
    @DisplayName("and without the mutant the test passes")
    void isFound(LeafMutant broken) {
        assertDoesNotThrow(() -> run(broken, new PlantedClassLoader(List.of())));
        assertThrows(Throwable.class, () -> run(broken, new PlantedClassLoader(List.of(broken.planting()))));
    }

    /** Runs the test method on a new object, with the classes of a loader. */
    private static void run(LeafMutant broken, ClassLoader loader) throws Throwable {
        Object test = made(loader.loadClass("dev.samara.maple." + broken.test()));
        Method method = Arrays.stream(test.getClass().getDeclaredMethods())
                .filter(each -> each.getName().equals(broken.method()))
                .findFirst()
                .orElseThrow(() -> new AssertionError(broken.test() + " has no method " + broken.method()));
        method.setAccessible(true);
        try {
            method.invoke(test, broken.arguments().toArray());
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    private static Object made(Class<?> type) throws ReflectiveOperationException {
        Class<?> outer = type.getDeclaringClass();
        Constructor<?> constructor = type.getDeclaredConstructors()[0];
        constructor.setAccessible(true);
        @Nullable Object[] arguments = outer == null ? new Object[0] : new Object[] {made(outer)};
        return constructor.newInstance(arguments);
    }
}
