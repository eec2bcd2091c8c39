//! Fuzz targets for everything the dialer parses.
