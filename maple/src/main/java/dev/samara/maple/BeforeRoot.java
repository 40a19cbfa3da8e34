// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/** The padding before the root; see {@link PublishedRoot}. */
@SuppressWarnings("unused") // padding
abstract class BeforeRoot {
    /** Fills the space after the object header, where the JVM would otherwise place the root. */
    private int header;

    private long b0;
    private long b1;
    private long b2;
    private long b3;
    private long b4;
    private long b5;
    private long b6;
    private long b7;
}
