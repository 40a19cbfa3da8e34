// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave;

import dev.samara.interleave.instrument.SteppedClassLoader;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Limits;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import java.lang.reflect.Constructor;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/** Loads scenarios with instrumented classes. */
public final class SteppedScenarios {
    /**
     * Shared by all scenarios without mutants, because loading and compiling the classes takes longer than many
     * runs.
     */
    private static final ClassLoader UNCHANGED = new SteppedClassLoader();

    /**
     * The maximum number of runs. It is not a time, so that a slow machine explores the same schedules as a fast one.
     */
    private static final int MOST = 100_000;

    private SteppedScenarios() {}

    /** Returns an exploration of a scenario class, with mutants of the classes that it uses. */
    public static Exploration explore(Class<? extends Scenario> type, Mutant... mutants) {
        return new Exploration(supplier(type, loader(mutants)), Limits.DEFAULT);
    }

    /** Returns an exploration of a scenario class whose constructor takes a name. */
    public static Exploration exploreNamed(Class<? extends Scenario> type, String name, Mutant... mutants) {
        return exploreNamed(type, name, loader(mutants));
    }

    /**
     * Returns an exploration of a scenario class whose constructor takes a name, with a class loader that other
     * explorations may share.
     */
    public static Exploration exploreNamed(Class<? extends Scenario> type, String name, ClassLoader loader) {
        return new Exploration(supplier(type, loader, name), Limits.DEFAULT);
    }

    /** Returns a class loader for the given mutants: a new one, or the shared one if there are no mutants. */
    public static ClassLoader loader(Mutant... mutants) {
        return mutants.length == 0 ? UNCHANGED : new SteppedClassLoader(List.of(mutants), false);
    }

    /** Returns an exploration in which each thread's stores wait in a store buffer. */
    public static Exploration exploreBuffered(Class<? extends Scenario> type, Mutant... mutants) {
        return new Exploration(supplier(type, new SteppedClassLoader(List.of(mutants), true)), Limits.DEFAULT);
    }

    /** Explores, and prints the figures if {@code -Dinterleave.report=true} is set. */
    public static Exploration.Result result(
            Class<? extends Scenario> type, Exploration exploration, Strategy strategy, int mutants) {
        Exploration.Result result = exploration.explore(strategy, MOST);
        if (Boolean.getBoolean("interleave.report")) {
            System.out.println(
                    type.getSimpleName() + ", " + strategy + (mutants == 0 ? ": " : ", broken: ") + result.figures());
        }
        return result;
    }

    /** Returns a supplier of scenarios, which calls the constructor of the scenario class that {@code loader} loads. */
    public static Supplier<Scenario> supplier(Class<? extends Scenario> type, ClassLoader loader, Object... arguments) {
        try {
            Class<?>[] types = Arrays.stream(arguments).map(Object::getClass).toArray(Class<?>[]::new);
            Constructor<?> constructor = loader.loadClass(type.getName()).getDeclaredConstructor(types);
            constructor.setAccessible(true);
            return () -> {
                try {
                    return (Scenario) constructor.newInstance(arguments);
                } catch (ReflectiveOperationException failed) {
                    throw new IllegalStateException(failed);
                }
            };
        } catch (ReflectiveOperationException failed) {
            throw new IllegalStateException(failed);
        }
    }
}
