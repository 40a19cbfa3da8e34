// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

/**
 * A break that is made on purpose in a class, to see it found. It is made when the class that declares it is
 * initialized, as {@code PlantingsTest} checks. So that test knows all of them, and looks whether the place of each one
 * still exists.
 */
public sealed interface Planting permits SourceBreak, CallBreak, Planting.Two {
    /**
     * Returns the class file with the break, or the class file itself if it belongs to another class.
     *
     * @param className the name of the class, as {@link Class#getName} returns it
     * @throws IllegalStateException if the place of the break is gone
     */
    byte[] apply(String className, byte[] classFile);

    /** Returns this break and another one, which is made after it. */
    default Planting and(Planting other) {
        return new Two(this, other);
    }

    /** Two breaks, each of which is known by itself. */
    record Two(Planting one, Planting other) implements Planting {
        @Override
        public byte[] apply(String className, byte[] classFile) {
            return other.apply(className, one.apply(className, classFile));
        }
    }
}
