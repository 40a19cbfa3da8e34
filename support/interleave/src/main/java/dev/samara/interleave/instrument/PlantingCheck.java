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

/**
 * Checks that each mutant in a module's tests has a place and compiles. It does not check whether tests find the
 * mutants.
 */
public final class PlantingCheck {
    private final PlantingMakers makers;

    /**
     * Reads the class files of a module's tests, and initializes the classes that create mutants.
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

    /** Returns the names of the classes whose initialization creates mutants. */
    public Set<String> initializers() {
        return makers.initializers();
    }

    /** Returns the names of the methods that create mutants at another time. */
    public List<String> late() {
        return makers.late();
    }

    /**
     * Checks that the place of a mutant exists.
     *
     * @throws IllegalStateException if it does not
     */
    public static void place(Planting planting) {
        if (planting instanceof SourceMutant source) {
            source.text();
        } else if (planting instanceof CallMutant call) {
            call.apply(call.in(), SteppedClassLoader.classFile(call.in()));
        }
    }

    /**
     * Divides mutants of sources into rounds that can be compiled together. No round contains two mutants of one class.
     */
    public static List<Map<String, SourceMutant>> rounds(Collection<Planting> plantings) {
        List<Map<String, SourceMutant>> rounds = new ArrayList<>();
        for (Planting planting : plantings) {
            if (planting instanceof SourceMutant source) {
                Map<String, SourceMutant> free = rounds.stream()
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
     * Compiles the sources of several mutants together.
     *
     * @throws IllegalStateException with the compiler's messages, if a source cannot be compiled
     */
    public static void compile(Collection<SourceMutant> mutants) {
        SourceCompiler.compileTogether(mutants);
    }
}
