// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * The word of a reader, alone on its cache lines. Every section writes it, and every grace period reads the words of
 * all readers.
 */
@SuppressWarnings("UnusedVariable") // the padding, and the word through RcuReader
class ReaderWord extends ReaderPadding {
    long section;
}

/**
 * 128 bytes before the word, since cache lines are fetched in pairs. The fields after the word belong to the reader.
 */
@SuppressWarnings("UnusedVariable")
class ReaderPadding {
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
