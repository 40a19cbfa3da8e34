// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

/**
 * A mutant of a class: a deliberate fault, planted to check that the tests find it. It is created when the class that
 * declares it is initialized; {@code PlantingsTest} checks this. So that test knows all mutants, and checks that the
 * place of each one still exists.
 */
public sealed interface Planting permits SourceMutant, CallMutant, Planting.Two {
    /**
     * Returns the mutated class file, or the given class file if the mutant is of another class.
     *
     * @param className the name of the class, as {@link Class#getName} returns it
     * @throws IllegalStateException if the place of the mutation no longer exists
     */
    byte[] apply(String className, byte[] classFile);

    /**
     * Checks that the mutant can be made. Called before classes are loaded: an exception of {@link #apply} would appear
     * as the failed initialization of some class.
     *
     * @throws IllegalStateException if it needs sources that are not there
     */
    default void check() {}

    /** Combines this mutant with another one, which is applied second. */
    default Planting and(Planting other) {
        return new Two(this, other);
    }

    /** Two combined mutants. Each is also listed separately. */
    record Two(Planting one, Planting other) implements Planting {
        @Override
        public byte[] apply(String className, byte[] classFile) {
            return other.apply(className, one.apply(className, classFile));
        }

        @Override
        public void check() {
            one.check();
            other.check();
        }
    }
}
