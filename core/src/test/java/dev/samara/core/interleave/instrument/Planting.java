// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.instrument;

/** A break that is made on purpose in a class, to see it found. */
@FunctionalInterface
public interface Planting {
    /**
     * Returns the class file with the break, or the class file itself if it belongs to another class.
     *
     * @param className the name of the class, as {@link Class#getName} returns it
     * @throws IllegalStateException if the place of the break is gone
     */
    byte[] apply(String className, byte[] classFile);

    /** Returns this break and another one, which is made after it. */
    default Planting and(Planting other) {
        return (className, classFile) -> other.apply(className, apply(className, classFile));
    }
}
