// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

/**
 * A range of a file that another program changed.
 *
 * @param from the first byte
 * @param to the end, exclusive
 * @param isCut whether the other program truncated the range
 */
record OtherChange(long from, long to, boolean isCut) {
    static OtherChange of(Step step, Outcome result, long sizeBefore) {
        switch (step.verb()) {
            case OTHER_TRUNCATE -> {
                long size = step.get(Kind.SIZE);
                return new OtherChange(Math.min(size, sizeBefore), Math.max(size, sizeBefore), size < sizeBefore);
            }
            case OTHER_APPEND -> {
                return new OtherChange(sizeBefore, sizeBefore + result.result(), false);
            }
            case OTHER_PUNCH -> {
                return new OtherChange(
                        Math.min(step.get(Kind.OFFSET), sizeBefore),
                        Math.min(step.get(Kind.OFFSET) + step.get(Kind.LENGTH), sizeBefore),
                        false);
            }
            default -> {
                long offset = step.get(Kind.OFFSET);
                return new OtherChange(
                        result.result() == 0 ? offset : Math.min(offset, sizeBefore), offset + result.result(), false);
            }
        }
    }
}
