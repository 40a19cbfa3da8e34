// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

/**
 * The device and the inode number of a file, as {@code /proc/PID/maps} shows them.
 *
 * @param major the major number of the device
 * @param minor the minor number of the device
 * @param inode the inode number
 */
record HostIdentity(int major, int minor, long inode) {
    /** The identity of a file without these numbers, or of any file on a host without them. */
    static final HostIdentity NONE = new HostIdentity(0, 0, 0);

    /**
     * Returns whether the file is known not to be on a block device, like a file of {@code proc}, {@code tmpfs} or NFS.
     */
    boolean hasNoDevice() {
        return major == 0 && !equals(NONE);
    }

    static HostIdentity of(long device, long inode) {
        // Same as gnu_dev_major and gnu_dev_minor.
        int major = (int) ((device >>> 8 & 0xfff) | (device >>> 32 & 0x7ffff000));
        int minor = (int) ((device & 0xff) | (device >>> 12 & 0xffffff00));
        return new HostIdentity(major, minor, inode);
    }
}
