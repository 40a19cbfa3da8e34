// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import java.nio.ByteBuffer;
import java.util.Random;

/** The bytes that scripts write; a seed is an offset into them. No byte is zero, so a zero was never written. */
final class Pattern {
    /** The maximum length of a write. */
    static final int MOST = 144 << 10;

    /** The number of seeds. */
    static final int SEEDS = 4096;

    private static final byte[] BYTES = new byte[MOST + SEEDS];

    static {
        Random random = new Random(1);
        for (int i = 0; i < BYTES.length; i++) {
            BYTES[i] = (byte) (1 + random.nextInt(255));
        }
    }

    private Pattern() {}

    static byte[] all() {
        return BYTES.clone();
    }

    static ByteBuffer of(long seed, long length) {
        return ByteBuffer.wrap(BYTES, (int) seed, (int) length).slice();
    }
}
