// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

/**
 * A break that is planted in a class on purpose, to check that the tests find it. It is created when the class that
 * declares it is initialized, as {@code PlantingsTest} checks. So that test knows all breaks, and checks that the place
 * of each one still exists.
 */
public sealed interface Planting permits SourceBreak, CallBreak, Planting.Two {
    /**
     * Returns the class file with the break, or the class file itself if it belongs to another class.
     *
     * @param className the name of the class, as {@link Class#getName} returns it
     * @throws IllegalStateException if the place of the break does not exist any more
     */
    byte[] apply(String className, byte[] classFile);

    /** Combines this break with another one, which is applied second. */
    default Planting and(Planting other) {
        return new Two(this, other);
    }

    /** Two combined breaks. Each is also listed separately. */
    record Two(Planting one, Planting other) implements Planting {
        @Override
        public byte[] apply(String className, byte[] classFile) {
            return other.apply(className, one.apply(className, classFile));
        }
    }
}
