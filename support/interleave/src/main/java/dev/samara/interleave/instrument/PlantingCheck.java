// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Checks all breaks of a module's tests without looking for them: whether each has its place, and compiles. */
public final class PlantingCheck {
    private final PlantingMakers makers;

    /**
     * Reads the class files of a module's tests, and initializes those that make breaks.
     *
     * @param test one of the tests
     */
    public PlantingCheck(Class<?> test) throws IOException, URISyntaxException, ClassNotFoundException {
        makers = new PlantingMakers(
                Path.of(test.getProtectionDomain().getCodeSource().getLocation().toURI()));
        for (String name : makers.initializers()) {
            Class.forName(name);
        }
    }

    /** Returns the names of the classes whose initialization makes breaks. */
    public Set<String> initializers() {
        return makers.initializers();
    }

    /** Returns the names of the methods that make breaks at another time. */
    public List<String> late() {
        return makers.late();
    }

    /**
     * Looks up the place of a break.
     *
     * @throws IllegalStateException if it is gone
     */
    public static void place(Planting planting) {
        if (planting instanceof SourceBreak source) {
            source.text();
        } else if (planting instanceof CallBreak call) {
            call.apply(call.in(), SteppedClassLoader.classFile(call.in()));
        }
    }

    /** Divides breaks of sources into rounds that can be compiled together: none has two breaks of one class. */
    public static List<Map<String, SourceBreak>> rounds(Collection<Planting> plantings) {
        List<Map<String, SourceBreak>> rounds = new ArrayList<>();
        for (Planting planting : plantings) {
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
        return rounds;
    }

    /**
     * Compiles the sources of breaks together.
     *
     * @throws IllegalStateException if one cannot be compiled, with the messages of the compiler
     */
    public static void compile(Collection<SourceBreak> breaks) {
        SourceCompiler.compileTogether(breaks);
    }
}
