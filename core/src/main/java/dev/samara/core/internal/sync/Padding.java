// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * Puts 128 bytes before the fields of a subclass. A word that many threads read would otherwise share a cache line with
 * an object that some thread writes, and each such write would take the line away from all readers (false sharing).
 * There are 128 bytes because processors fetch lines of 64 bytes in pairs.
 *
 * <p>The JVM may order the fields of one class as it likes, but places them after those of the superclass. So the
 * padding between two words is a class of its own, between the classes of the words. The fields after the last word
 * must belong to the thread that writes the word.
 */
@SuppressWarnings("UnusedVariable") // padding
public abstract class Padding {
    /**
     * Fills the space between a header of 12 bytes and the next multiple of eight. The JVM would give that space to the
     * first field of a subclass that fits there.
     */
    private int rest;

    private long a0;
    private long a1;
    private long a2;
    private long a3;
    private long a4;
    private long a5;
    private long a6;
    private long a7;
    private long b0;
    private long b1;
    private long b2;
    private long b3;
    private long b4;
    private long b5;
    private long b6;
    private long b7;
}
